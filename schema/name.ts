import * as z from 'zod';

/** Names are lower-case DNS labels (RFC 1123): they stand in paths, file names and log lines. */
export const resourceName = z
  .string()
  .regex(
    /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
    'A name is 1 to 63 lower-case letters, digits and hyphens, and begins and ends with a letter or digit.',
  );

/** Segments of the gateway's own paths, which a tenant's name would shadow (`/{tenant}{path}`). */
const RESERVED_TENANTS: ReadonlySet<string> = new Set(['apis', 'admin', 'health', 'metrics', 'mcp', 'realms', 'v1', 'docs', 'redoc']);

export const tenantName = resourceName.refine((name) => !RESERVED_TENANTS.has(name), "This name is reserved for the product's own paths.");

/** The nearest valid name for free text, or undefined when nothing of it can stand in a name. */
export function toResourceName(text: string): string | undefined {
  const name = text
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 63)
    .replace(/-+$/, '');
  return name === '' ? undefined : name;
}
