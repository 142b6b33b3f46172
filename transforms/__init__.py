"""Transform plugins, one per file; a file's name is the plugin's name."""
