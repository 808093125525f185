"""The least that could be called a case service: FastAPI, one statement through an async pool."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

from fastapi import FastAPI
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel

TABLE = """
CREATE TABLE public.plain_cases (
    id uuid PRIMARY KEY, application text NOT NULL, type text NOT NULL,
    subject text NOT NULL, description text NOT NULL, created_at timestamptz NOT NULL DEFAULT now()
);
GRANT INSERT ON public.plain_cases TO casebook_service;
"""
INSERT = """
INSERT INTO public.plain_cases (id, application, type, subject, description)
VALUES (%s, %s, %s, %s, %s)
"""

LIST = """
SELECT id, number, account_name, subject, application_name, severity, status, badges, contact_name,
       assignee_name, created_at, modified_at, version
  FROM read.cases
 WHERE status <> 'Closed' AND application = %s AND severity = %s
 ORDER BY modified_at DESC, id DESC LIMIT 25
"""
ONE = "SELECT * FROM read.cases WHERE id = %s"

pool = AsyncConnectionPool(
    os.environ.get("CASEBOOK_DATABASE_URL", ""), open=False, min_size=2, max_size=10
)


class Case(BaseModel):
    application: str
    type: str
    subject: str
    description: str


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    async with pool:
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/api/v1/cases", status_code=201)
async def create(case: Case) -> dict[str, UUID]:
    new = uuid4()
    async with pool.connection() as conn:
        await conn.execute(
            INSERT, (new, case.application, case.type, case.subject, case.description)
        )
    return {"id": new}


@app.get("/api/v1/cases")
async def listed(application: str, severity: str) -> dict[str, list[dict[str, Any]]]:
    async with pool.connection() as conn, conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(LIST, (application, severity))
        return {"cases": await cursor.fetchall()}


@app.get("/api/v1/cases/{case}")
async def one(case: UUID) -> dict[str, Any] | None:
    async with pool.connection() as conn, conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(ONE, (case,))
        return await cursor.fetchone()
