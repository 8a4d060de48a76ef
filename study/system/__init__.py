"""Processes, threads, memory, network and terminal, as the operating system offers them."""
