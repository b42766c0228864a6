"""What the scripts in this folder share; standard library only, so that it runs before anything is installed."""
