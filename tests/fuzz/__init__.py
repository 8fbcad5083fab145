"""The fuzzer: seeds, what spoils them, what reads them, and a child process that is watched while it does.

`python -m tests.fuzz --minutes 5` tries every reader; tests/test_fuzz.py tries the same for seconds.
"""
