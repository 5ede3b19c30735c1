"""The only code that touches the network, and what reads the archives that it brings."""
