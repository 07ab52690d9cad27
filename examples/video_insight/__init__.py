"""What is in a folder of videos and pictures, seen by a model, on one page."""
