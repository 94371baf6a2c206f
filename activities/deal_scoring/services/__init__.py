"""Deals out of Salesforce and HubSpot, as tables like those of a folder."""
