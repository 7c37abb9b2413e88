"""Morse parameters of an element from DFT: lone atom, dimer at several distances, fit of the curve.

After Shuaibi et al., Mach. Learn.: Sci. Technol. 2 (2021) 025007, supporting information: the lone atom's energy E_X;
the dimer's energy E_X2 at its minimum r_e; D_e = −(E_X2 − 2 E_X); and a from the stretched dimer.
"""
