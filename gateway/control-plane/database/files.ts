/** Names of files in a data directory that several parts of the database know. */

export const DATABASE_FILE = 'control-plane.db';
