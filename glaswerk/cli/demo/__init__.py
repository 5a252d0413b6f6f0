"""What an empty cell is filled with: procedurally made clips, their sounds, and the people who post them."""
