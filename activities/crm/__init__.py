"""Customer relationship systems: Salesforce and HubSpot by their clients, or a folder that somebody imports from."""
