"""The least that could be called a case service: FastAPI, one INSERT through an async pool."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

from fastapi import FastAPI
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
