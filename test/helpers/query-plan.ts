/** How SQLite goes about what is asked of it: whether by an index, whatever the table holds. */
import type { WatchedDatabase } from './watched-database.js';

/** The steps of the plans of everything that `work` asked for, such as `SEARCH resources USING INDEX resources_key (tenant=?)` (https://www.sqlite.org/eqp.html). */
export async function stepsOf({ database, take }: WatchedDatabase, work: () => Promise<unknown>): Promise<string[]> {
  take();
  await work();
  return take().flatMap((sql) => {
    const values = [...sql.matchAll(/\?/g)].map(() => null);
    const rows = database.prepare<unknown[], { detail: string }>(`explain query plan ${sql}`).all(...values);
    take();
    return rows.map(({ detail }) => detail);
  });
}
