"""Calls from one party to another are found at once, however many either of them has had."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("calls_by_parties", "calls", ["account_id", "from_party", "to_party", "sequence"])


def downgrade() -> None:
    op.drop_index("calls_by_parties", "calls")
