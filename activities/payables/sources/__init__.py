"""Where a company's books are read: files in a folder, or ERPNext."""
