/** What the commands share that speak to a running `stoactl dev`. */
import { resolve } from 'node:path';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from './base-command.js';
import type { DevChange } from './operations/dev/remote.js';

export const dataDirFlag = {
  'data-dir': Flags.string({ summary: 'The data directory of "stoactl dev".', default: '.stoa', helpValue: 'DIR' }),
};

export const serviceArg = {
  service: Args.string({
    description: 'control-plane, gateway or echo-upstream, also by the names of containers such as stoa-gateway; all when absent.',
    ignoreStdin: true,
  }),
};

/** A command that starts, stops or restarts. */
export abstract class DevChangeCommand extends BaseCommand {
  protected override untouchedHint = 'What was asked for goes on; "stoactl dev ps" shows where it is.';

  protected async change(dataDir: string, action: DevChange['action'], word: string | undefined): Promise<DevChange> {
    const [{ changeServices }, { serviceNamed }, { changeText }] = await Promise.all([
      import('./operations/dev/remote.js'),
      import('./operations/dev/part.js'),
      import('./views/dev-services.js'),
    ]);
    const service = word === undefined ? undefined : serviceNamed(word);
    const work = changeServices(resolve(dataDir), action, service);
    const done = await this.phase(`${action} ${service ?? 'all services'}`, work);
    return this.show(done, { human: changeText });
  }
}
