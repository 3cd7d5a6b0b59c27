// Evaluates the same situations with an independent IAM simulator and with Rolecall, and shows where they differ.
//
// usage: node referee.mjs [--seed N] [--count N] [--keep FILE]   (ROLECALL_BIN names the binary)

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { runSimulation } from '@cloud-copilot/iam-simulate'
import { situations } from './generate.mjs'

const root = dirname(import.meta.dirname)
const target = execFileSync(join(root, 'tools/target'), { encoding: 'utf8' }).trim()
const rolecall = process.env.ROLECALL_BIN ?? join(target, 'debug/rolecall')
const tests = join(root, 'crates/policy/tests')
const { values: options } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, count: { type: 'string', default: '10000' }, keep: { type: 'string' } },
})

const generated = [...situations(Number(options.seed), Number(options.count))]
const flow = JSON.parse(readFileSync(join(tests, 'flow.json')))
const documented = JSON.parse(readFileSync(join(tests, 'documented.json'))).map(({ source, ...situation }) => situation)

let unexplained = 0
const results = { generated: await decide(generated), flow: await decide(flow) }
for (const [name, answers] of Object.entries(results)) {
  const different = answers.filter(({ simulator, ours }) => simulator !== ours.verdict)
  const allowed = answers.filter(({ simulator }) => simulator === 'Allowed').length
  console.log(`${name}: ${answers.length} situations, ${allowed} allowed by the simulator; ${different.length} decisions differ`)
  for (const { situation, simulator, ours } of different.slice(0, 10)) {
    console.log(`\n${JSON.stringify(situation, null, 1)}\n  simulator ${simulator}, Rolecall ${ours.verdict}: ${ours.decided_by}`)
  }
  unexplained += different.length
}
// The known differences must still exist: Rolecall decides as AWS documents, the simulator does not.
const answers = await decide(documented)
const wrong = answers.filter(({ situation, simulator, ours }) => ours.verdict !== situation.expected || simulator === ours.verdict)
console.log(`documented: ${answers.length} known differences; ${wrong.length} no longer exist`)
for (const { situation, simulator, ours } of wrong) console.log(`  ${situation.name}: simulator ${simulator}, Rolecall ${ours.verdict}`)

if (options.keep) {
  const kept = results.generated.map(({ situation, simulator }) => JSON.stringify({ ...situation, expected: simulator }))
  writeFileSync(options.keep, `[\n${kept.join(',\n')}\n]\n`)
}
process.exitCode = unexplained + wrong.length > 0 ? 1 : 0

async function decide(situations) {
  const file = join(target, 'referee/situations.json')
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, JSON.stringify(situations))
  const run = spawnSync(rolecall, ['policy', 'evaluate', file, '--format', 'json'], { encoding: 'utf8', maxBuffer: 2 ** 30 })
  if (run.error || ![0, 10].includes(run.status)) throw new Error(`${rolecall}: ${run.error ?? run.stderr}`)
  const ours = JSON.parse(run.stdout)
  const answers = []
  for (const [index, situation] of situations.entries()) {
    answers.push({ situation, simulator: await simulate(situation), ours: ours[index] })
  }
  return answers
}

async function simulate(situation) {
  const { request, context = {} } = situation
  const named = (policies, name) => policies.map((policy, index) => ({ name: `${name}${index}`, policy }))
  // A list of policies is one level; a list of lists has one for the root, each unit and the account.
  const levels = (policies, name) =>
    (policies?.every(Array.isArray) && policies.length ? policies : policies ? [policies] : [])
      .map((level, number) => ({ orgIdentifier: `level-${number}`, policies: named(level, name) }))
  const texts = value => (Array.isArray(value) ? value.map(String) : String(value))
  const outcome = await runSimulation(
    {
      request: {
        principal: request.principal,
        action: request.action,
        resource: { resource: request.resource, accountId: request.resourceAccount ?? request.resource.split(':')[4] },
        contextVariables: Object.fromEntries(Object.entries(context).map(([key, value]) => [key, texts(value)])),
      },
      identityPolicies: named(situation.identityPolicies ?? [], 'identity'),
      resourcePolicy: situation.trustPolicy,
      sessionPolicy: situation.sessionPolicy,
      permissionBoundaryPolicies: situation.permissionBoundaries && named(situation.permissionBoundaries, 'boundary'),
      serviceControlPolicies: levels(situation.scps, 'scp'),
      resourceControlPolicies: levels(situation.rcps, 'rcp'),
    },
    { simulationMode: 'Strict' },
  )
  if (outcome.resultType === 'error') return `Invalid (${JSON.stringify(outcome.errors)})`
  return outcome.overallResult === 'Allowed' ? 'Allowed' : 'Denied'
}
