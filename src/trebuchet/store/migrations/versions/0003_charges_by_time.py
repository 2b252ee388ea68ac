"""Charges of a time, and of a number, are found at once, however many there are besides."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("charges_by_account", "charges")
    op.create_index("charges_by_account", "charges", ["account_id", "at_ms", "sequence"])
    op.create_index("charges_by_number", "charges", ["account_id", "number", "at_ms", "sequence"])


def downgrade() -> None:
    op.drop_index("charges_by_number", "charges")
    op.drop_index("charges_by_account", "charges")
    op.create_index("charges_by_account", "charges", ["account_id", "sequence"])
