"""What runs a model: the interface `engine`, and `local`, a process on this computer that runs OpenVINO."""
