"""What is decided: the rules of a support case.

Read in this order: values, commands, events, errors, calendar, configuration, terms, case,
permitted, decide. All of it is pure; what the rules need in order to run is `domain.runtime`,
which none of them imports.
"""
