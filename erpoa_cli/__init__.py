"""Keeps an ERP and an OA system in agreement: validate, plan, apply."""

__version__ = "0.1.0"
