// `config explain`: every setting with its value, where the value comes from, and what it means.
// The settings are the config folder's; this file prints them.
import { Command } from 'commander'
import type { Io } from '../io.ts'
import { printRows } from '../output.ts'
import type { Services } from '../services.ts'
import { keyValue } from '../values.ts'
import { collect } from './common.ts'

interface Flags {
  readonly config?: string
  readonly set: readonly string[]
  readonly json?: true
}

/** The `config` command with its one subcommand. */
export function configCommand(
  io: Io,
  explainConfig: NonNullable<Services['explainConfig']>,
): Command {
  const explain = new Command('explain')
    .description('print every setting, its value and where the value comes from')
    .argument('[name]', 'only settings whose name begins so')
    .option('--config <file>', 'settings in YAML')
    .option('--set <key=value>', 'a setting by its dotted name; repeatable', collect, [])
    .option('--json', 'print JSON')
    .action(async (name: string | undefined, flags: Flags) => {
      const settings = await explainConfig({
        settings: Object.fromEntries(flags.set.map((text) => keyValue(text, '--set'))),
        ...(flags.config === undefined ? {} : { configFile: flags.config }),
      })
      const shown = settings.filter((row) => row.name.startsWith(name ?? ''))
      const empty = `no setting begins with '${name ?? ''}'`
      if (flags.json === true) {
        await io.out.write(`${JSON.stringify(shown, null, 2)}\n`)
        return
      }
      const rows = shown.map((row) => {
        const about = row.noEffect === null ? row.doc : `${row.doc} (no effect: ${row.noEffect})`
        return { name: row.name, value: row.value, source: row.source, about }
      })
      await printRows(io, rows, { json: false, empty })
    })
  return new Command('config').description('settings').addCommand(explain)
}
