"""The web pages and the API where people review and look things up."""
