"""What runs the network: torch as it is, torch.compile, or OpenVINO, behind one small interface."""
