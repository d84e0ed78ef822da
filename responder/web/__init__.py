"""The HTTP side: who asks, what they send, what they are answered.

`service` builds the application; nothing here decides anything or opens a transaction: it puts
Inputs into the engine and reads what is there.
"""
