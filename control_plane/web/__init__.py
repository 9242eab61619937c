"""Django: accounts, the API and the dashboard."""
