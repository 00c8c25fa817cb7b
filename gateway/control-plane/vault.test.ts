import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openVault } from './vault.js';

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'stoa-vault-'));
  file = path.join(directory, 'vault.key');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('vault', () => {
  it('opens what it sealed, also after a restart, and seals differently each time', () => {
    const vault = openVault(file);
    const sealed = vault.seal('whsec_abc123 ✓');

    expect(openVault(file).open(sealed)).toBe('whsec_abc123 ✓');
    expect(vault.seal('whsec_abc123 ✓')).not.toBe(sealed);
    expect(Buffer.from(sealed, 'base64').toString('latin1')).not.toContain('whsec');
  });

  it('refuses what was changed', () => {
    const vault = openVault(file);
    const bytes = Buffer.from(vault.seal('secret'), 'base64');
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);

    expect(() => vault.open(bytes.toString('base64'))).toThrow();
  });

  it('gives equal values equal digests, which differ from one vault to the next', () => {
    const vault = openVault(file);
    const other = openVault(path.join(directory, 'other.key'));

    expect(vault.digest('a')).toBe(openVault(file).digest('a'));
    expect(vault.digest('a')).not.toBe(vault.digest('b'));
    expect(vault.digest('a')).not.toBe(other.digest('a'));
  });

  it('keeps its key to its owner', () => {
    openVault(file);

    expect((statSync(file).mode & 0o777).toString(8)).toBe('600');
  });

  it('refuses a damaged key file and leaves it', () => {
    writeFileSync(file, 'short');

    expect(() => openVault(file)).toThrow('is damaged. It was left as it is.');
    expect(readFileSync(file, 'utf8')).toBe('short');
  });
});
