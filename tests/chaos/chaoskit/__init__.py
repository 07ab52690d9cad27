"""What the chaos tests are made of: a disk that fails, processes that die, and a judge of both.

``vfs`` puts itself between SQLite and the system's files. ``disk`` remembers what went through it
and says what a power cut would have left; ``trouble`` makes single operations fail. ``life`` is
what the engine goes through meanwhile, ``points`` are the places where it may be killed, and
``judge`` holds what it said against what is there in the end. ``sweeps`` puts these together;
``zygote`` runs them in a process without threads, which can be forked.
"""
