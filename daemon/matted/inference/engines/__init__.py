"""Engines, which run models: `engine` is their interface, `local` runs OpenVINO in a process on this computer."""
