"""What users need for their own tests of plans, tools and models."""
