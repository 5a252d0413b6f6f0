"""Border: what may leave the cell, who looked, and the proofs of both."""
