/** Flags that several commands share. Every flag may also be given as an environment variable: `--max-deletes` as `STOACTL_MAX_DELETES`. */
import * as Flags from '@oclif/core/flags';
import type { Interfaces } from '@oclif/core';

type FlagSet = Record<string, object>;

/** `-o` with the forms that a command knows; `human` is the default, `json` is always there. */
export const outputFlag = (...forms: string[]): Interfaces.OptionFlag<string | undefined> =>
  Flags.string({
    char: 'o',
    summary: 'Form of the output.',
    options: ['human', 'json', ...forms],
    helpGroup: 'GLOBAL',
    helpValue: ['human', 'json', ...forms].join('|'),
  });

export const globalFlags = {
  output: outputFlag(),
  json: Flags.boolean({ summary: 'The same as -o json.', helpGroup: 'GLOBAL', default: false }),
  server: Flags.string({ summary: 'Address of the control plane (also STOA_API_URL).', helpGroup: 'GLOBAL', helpValue: 'URL' }),
  context: Flags.string({ summary: 'Context of the user configuration; see "context list".', helpGroup: 'GLOBAL', helpValue: 'NAME' }),
  environment: Flags.string({ summary: 'Environment of stoa.config.yaml.', helpGroup: 'GLOBAL', helpValue: 'NAME' }),
  tenant: Flags.string({ summary: 'The tenant that the command is about.', helpGroup: 'GLOBAL', helpValue: 'NAME' }),
  timeout: Flags.string({ summary: 'Longest wait for an answer, such as 30s.', helpGroup: 'GLOBAL', helpValue: 'DURATION' }),
  'no-color': Flags.boolean({ summary: 'No colour (also NO_COLOR).', helpGroup: 'GLOBAL', default: false }),
  'no-input': Flags.boolean({ summary: 'Never ask; fail where an answer is needed.', helpGroup: 'GLOBAL', default: false }),
  quiet: Flags.boolean({ char: 'q', summary: 'Print the result and nothing else.', helpGroup: 'GLOBAL', default: false }),
  verbose: Flags.boolean({ char: 'v', summary: 'Say on stderr what is sent and answered.', helpGroup: 'GLOBAL', default: false }),
};

/** Where manifests come from. Without -f they come from stoa.config.yaml. */
export const manifestFlags = {
  filename: Flags.string({
    char: 'f',
    summary: 'Manifest file, directory, glob, or - for stdin. May be repeated.',
    multiple: true,
    helpValue: 'PATH',
  }),
  recursive: Flags.boolean({ char: 'R', summary: 'Read directories of -f with everything below them.', default: false }),
  project: Flags.string({ summary: 'Owner of what is applied; overrides the project of stoa.config.yaml.', helpValue: 'NAME' }),
};

/** What a plan is made with, for diff and apply alike. */
export const planFlags = {
  ...manifestFlags,
  prune: Flags.boolean({ summary: 'Also delete what the project owns and the manifests no longer name.', default: false }),
  'max-deletes': Flags.string({ summary: 'Refuse a plan that deletes more than this.', helpValue: 'N|N%' }),
  'take-ownership': Flags.boolean({ summary: 'Take over resources that another project owns.', default: false }),
};

export const confirmFlags = {
  yes: Flags.boolean({ char: 'y', aliases: ['auto-approve'], summary: 'Go on without asking.', default: false }),
};

/** The flags with their environment variable filled in. */
export function withEnvironment<T extends FlagSet>(flags: T): T {
  const named = Object.entries(flags).map(([name, flag]) => [name, { ...flag, env: `STOACTL_${name.replaceAll('-', '_').toUpperCase()}` }]);
  return Object.fromEntries(named) as T;
}
