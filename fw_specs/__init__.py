"""How a cycle is a FireWorks workflow: Firetasks, the builder, the dynamic append, and the store of records."""
