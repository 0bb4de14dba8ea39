"""What files and visitors that mean harm cost the service."""
