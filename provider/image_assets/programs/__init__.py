"""Other programs: the only room that imports `subprocess`.

command      what is run, how it ended, and who runs it
if_killed    what is to be done if this process is killed, and only then
outputs      what a program writes, while it runs
own_program  how a part of this program is run as a program by itself
peer         a program that is talked to
process      the start of a program, and its end with all that it started
processes    which processes run, who started them, and whether one is over
runner       running a program to its end, or as a stream
"""
