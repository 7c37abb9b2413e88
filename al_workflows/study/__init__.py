"""Studies: tables and figures of Shuaibi et al. 2020, made again with this package beside what was published."""
