"""A page that scores two images in the browser, and the server that shows it on this machine."""
