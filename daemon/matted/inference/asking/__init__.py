"""What a request asks of a model: `held` asks, `prompts` are a box and clicks, `memory` is of the frames before."""
