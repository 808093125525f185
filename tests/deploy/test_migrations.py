import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from domain.runtime.database import (
    APPLIED,
    DatabaseIsNewer,
    MigrationChanged,
    MigrationMissed,
    RoleNotAllowed,
    _make_role,
    connect,
    migrate,
    migrations,
    pending,
)
from tests.conftest import Database


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0001_one.sql").write_text("CREATE TABLE one (); CREATE TABLE uno ()")
    (tmp_path / "0002_two.sql").write_text("ALTER TABLE one RENAME TO two")
    (tmp_path / "notes.sql").write_text("SELECT no_migration()")
    return tmp_path


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as conn:
        rows = conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {name for (name,) in rows} - {"casebook_migrations"}


def test_migrations_are_applied_in_order_and_once(empty_database: Database, folder: Path) -> None:
    assert migrate(empty_database.owner_url, folder) == ["0001_one", "0002_two"]
    assert tables(empty_database.owner_url) == {"two", "uno"}
    assert migrate(empty_database.owner_url, folder) == []


def test_a_migration_that_fails_leaves_nothing_of_itself(
    empty_database: Database, folder: Path
) -> None:
    (folder / "0003_three.sql").write_text("CREATE TABLE three (); SELECT 1 / 0")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(empty_database.owner_url, folder)
    assert tables(empty_database.owner_url) == {"two", "uno"}
    (folder / "0003_three.sql").write_text("CREATE TABLE three ()")
    assert migrate(empty_database.owner_url, folder) == ["0003_three"]


def test_a_migration_is_recorded_with_what_it_does_or_not_at_all(
    empty_database: Database, folder: Path
) -> None:
    (folder / "0003_three.sql").write_text("CREATE TABLE three (); DROP TABLE casebook_migrations")
    with pytest.raises(psycopg.errors.UndefinedTable):
        migrate(empty_database.owner_url, folder)
    assert tables(empty_database.owner_url) == {"two", "uno"}


def test_a_changed_migration_is_refused(empty_database: Database, folder: Path) -> None:
    migrate(empty_database.owner_url, folder)
    (folder / "0001_one.sql").write_text("CREATE TABLE other ()")
    with pytest.raises(MigrationChanged, match="0001_one was changed"):
        migrate(empty_database.owner_url, folder)


def test_a_migration_that_comes_too_late_is_refused(empty_database: Database, folder: Path) -> None:
    migrate(empty_database.owner_url, folder)
    (folder / "0001_zero.sql").write_text("CREATE TABLE zero ()")
    with pytest.raises(MigrationMissed, match="0001_zero is older than 0002_two"):
        migrate(empty_database.owner_url, folder)


def test_a_newer_database_is_refused(empty_database: Database, folder: Path) -> None:
    migrate(empty_database.owner_url, folder)
    (folder / "0002_two.sql").unlink()
    with pytest.raises(DatabaseIsNewer, match="0002_two"):
        migrate(empty_database.owner_url, folder)


def test_of_many_who_migrate_at_once_one_does(empty_database: Database, folder: Path) -> None:
    (folder / "0003_slow.sql").write_text("SELECT pg_sleep(0.2)")
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda _: migrate(empty_database.owner_url, folder), range(8)))
    assert sorted(map(len, done)) == [0] * 7 + [3]


def test_who_may_not_make_the_role_is_told(database: Database) -> None:
    with psycopg.connect(database.owner_url) as conn:
        conn.execute("ALTER ROLE casebook_service RENAME TO away")
        conn.execute("CREATE ROLE weak")
        conn.execute("SET ROLE weak")
        with pytest.raises(RoleNotAllowed, match="may not make the role"):
            _make_role(conn)
        conn.rollback()


def test_the_shipped_migrations_are_numbered_without_a_gap() -> None:
    numbers = [name[:4] for name in migrations()]
    assert numbers == [f"{n:04}" for n in range(1, len(numbers) + 1)]
    assert all(re.fullmatch(r"\d{4}_[a-z_]+", name) for name in migrations())


def test_the_shipped_migrations_need_only_the_roles_they_make(empty_database: Database) -> None:
    assert migrate(empty_database.owner_url) == list(migrations())


def test_the_service_can_see_whether_it_is_up_to_date(database: Database) -> None:
    with connect(database.url, "test") as conn:
        applied: dict[str, str] = dict(conn.execute(APPLIED).fetchall())
    assert pending(migrations(), applied) == []
