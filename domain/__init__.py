"""What is decided: the rules of a support case.

Read in this order. The words: values, errors, calendar, configuration, commands, events. A case:
case, recorded, fold, sight. The rules: terms, permitted, decide and what it calls (choices,
conversation, handling, ending), administration. The telling: sentences, preferences. All of it is
pure; what the rules need in order to run is `domain.runtime`, which none of them imports.
"""
