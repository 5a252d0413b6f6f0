"""What pages and endpoints read of the shop, one noun a file.  Every read of what is somebody's starts from them."""
