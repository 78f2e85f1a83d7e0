"""Codes and certificates; their door is `crmvalue.codes`."""
