"""The one door to addresses that customers name: webhooks and files to fetch leave the house here and nowhere else."""
