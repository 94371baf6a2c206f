"""The processes: worker, dev server, schedules, command line, settings. Wires everything."""
