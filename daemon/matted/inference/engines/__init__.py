"""Engines, which run models: `engine` is their interface; `local` runs OpenVINO here, `kserve` asks a server."""
