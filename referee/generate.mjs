// Random situations with two accounts, reproducible from a seed. They avoid the known differences between the simulator
// and AWS's documentation, which README.md and documented.json list.

export function* situations(seed, count) {
  const random = generator(seed)
  for (let number = 0; number < count; number++) yield situation(random, `${seed}-${number}`)
}

// The mulberry32 random number generator.
function generator(seed) {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const random = { chance: p => next() < p, below: n => Math.floor(next() * n) }
  random.of = list => list[random.below(list.length)]
  random.some = (list, most) => Array.from({ length: 1 + random.below(most) }, () => random.of(list))
  random.list = (list, most) => (random.chance(0.7) ? random.of(list) : random.some(list, most))
  return random
}

const A = '111111111111'
const B = '222222222222'
const ROLE = `arn:aws:iam::${A}:role/IAMListRole`

// The paths that roles have; most have none.
const paths = ['', '', '', 'service-role/', 'aws-reserved/sso.amazonaws.com/']

const callers = account => [
  `arn:aws:sts::${account}:assumed-role/LambdaRole/rolecall`,
  `arn:aws:sts::${account}:assumed-role/LambdaRole/rolecall`,
  `arn:aws:sts::${account}:assumed-role/Auditor/rolecall`,
  `arn:aws:iam::${account}:user/alice`,
  `arn:aws:iam::${account}:user/ops/bob`,
  `arn:aws:iam::${account}:role/LambdaRole`,
  `arn:aws:iam::${account}:role/service-role/LambdaRole`,
]

function situation(random, name) {
  const account = random.chance(0.75) ? B : A
  const isService = random.chance(0.03)
  const principal = isService ? random.of(['lambda.amazonaws.com', 'ec2.amazonaws.com']) : random.of(callers(account))
  const onRole = isService || account === B || random.chance(0.5)
  const action = onRole
    ? random.of(['sts:AssumeRole', 'sts:AssumeRole', 'sts:AssumeRole', 'sts:TagSession', 'sts:SetSourceIdentity'])
    : random.of(['iam:ListUsers', 'iam:ListAccessKeys', 'iam:GetUser'])
  const resource = onRole
    ? random.of([ROLE, ROLE, ROLE, `arn:aws:iam::${A}:role/team/security/IAMListRole`])
    : action === 'iam:ListUsers' ? '*' : random.of([`arn:aws:iam::${A}:user/bob`, `arn:aws:iam::${A}:user/eng/carol`])
  const path = principal.includes(':assumed-role/') ? random.of(paths) : ''
  const scene = { random, principal, path, account, action, onRole, context: requestContext(random, principal, path, account, action) }

  const situation = {
    name,
    identityPolicies: isService ? [] : documents(random, 2, () => identityStatement(scene), 0.1),
    request: { principal, action, resource, resourceAccount: A },
    context: scene.context,
  }
  if (onRole) situation.trustPolicy = policy(random, 2, () => trustStatement(scene))
  if (principal.includes(':assumed-role/') && random.chance(0.15)) {
    situation.sessionPolicy = policy(random, 2, () => identityStatement(scene))
    // Not if a trust policy may name the session itself: a known difference, see documented.json.
    if (account === A && onRole) delete situation.sessionPolicy
  }
  // A role makes requests through its sessions; a bare role is only in the situations for principals that name it.
  if (!isService && !principal.includes(':role/') && random.chance(0.15)) situation.permissionBoundaries = [policy(random, 2, () => identityStatement(scene))]
  const level = () => documents(random, 2, () => identityStatement(scene), 0, 0.8)
  if (!isService && random.chance(0.25)) situation.scps = random.chance(0.4) ? level() : Array.from({ length: 1 + random.below(3) }, level)
  if (onRole && random.chance(0.15)) situation.rcps = Array.from({ length: 1 + random.below(2) }, () => ({ ...policy(random, 2, () => rcpStatement(scene)), Version: '2012-10-17' }))
  return situation
}

function documents(random, most, statement, none, everything = 0.2) {
  if (random.chance(none)) return []
  const all = Array.from({ length: 1 + random.below(most) }, () => policy(random, 2, statement))
  if (random.chance(everything)) all.push(policyDocument([{ Effect: 'Allow', Action: '*', Resource: '*' }]))
  return all
}

function policy(random, most, statement) {
  const statements = Array.from({ length: 1 + random.below(most) }, statement)
  // In the versions without variables, the simulator replaces them: a known difference, see documented.json.
  const versions = JSON.stringify(statements).includes('${') ? ['2012-10-17'] : ['2012-10-17', '2012-10-17', '2012-10-17', '2008-10-17', undefined]
  return policyDocument(random.chance(0.1) && statements.length === 1 ? statements[0] : statements, random.of(versions))
}
const policyDocument = (statement, version = '2012-10-17') => ({ ...(version && { Version: version }), Statement: statement })

function identityStatement(scene) {
  const { random } = scene
  const statement = { Effect: random.chance(0.85) ? 'Allow' : 'Deny', ...actions(scene), ...resources(scene) }
  if (random.chance(0.25)) statement.Condition = conditions(scene)
  return statement
}

function trustStatement(scene) {
  const { random } = scene
  const statement = { Effect: random.chance(0.88) ? 'Allow' : 'Deny' }
  if (random.chance(0.1)) statement.NotPrincipal = principals(scene)
  else statement.Principal = principals(scene)
  statement.Action = random.list(['sts:AssumeRole', 'sts:AssumeRole', 'sts:*', 'STS:assumerole', 'sts:TagSession', 'sts:Assume*', 'sts:Set*'], 3)
  if (random.chance(0.5)) statement.Condition = conditions(scene)
  return statement
}

function rcpStatement(scene) {
  const { random } = scene
  const statement = { Effect: 'Deny', Principal: '*', Action: random.of(['sts:*', 'sts:AssumeRole', 's3:*', 'sts:TagSession']), ...resources(scene) }
  if (random.chance(0.8)) statement.Condition = conditions(scene)
  return statement
}

function actions({ random, onRole }) {
  const pool = onRole
    ? ['sts:AssumeRole', 'sts:AssumeRole', 'sts:*', '*', 'sts:Assume*', 'STS:ASSUMEROLE', 'sts:*Role', 'sts:Assume?ole', 'iam:*', 's3:GetObject', 'sts:TagSession']
    : ['iam:ListUsers', 'iam:List*', 'iam:*', '*', 'IAM:listusers', 'iam:Get*', 'iam:*User*', 'iam:ListAccessKey?', 'sts:*']
  return { [random.chance(0.12) ? 'NotAction' : 'Action']: random.list(pool, 3) }
}

function resources({ random, onRole }) {
  const pool = onRole
    ? [ROLE, ROLE, '*', `arn:aws:iam::${A}:role/*`, 'arn:aws:iam::*:role/IAMListRole', `arn:aws:iam::${A}:role/*List*`, `arn:aws:iam::${A}:role/iamlistrole`, `arn:aws:iam::${B}:role/*`, `arn:aws:iam::${A}:role/Other`, `arn:aws:iam::${A}:role/IAMListRol?`, `arn:aws:iam::${A}:role/\${aws:PrincipalTag/team}`, `arn:aws:iam::${A}:role/team/\${aws:PrincipalTag/team}/*`, `arn:aws:iam::*:role/*/\${aws:PrincipalTag/team, 'security'}/IAMListRole`, `arn:aws:iam::${A}:role/team/*/IAMListRole`, `arn:aws:iam::\${aws:PrincipalTag/account}:role/IAMListRole`, `arn:aws:iam::*:role/\${aws:PrincipalTag/team,'IAMListRole'}`]
    : ['*', '*', `arn:aws:iam::${A}:user/*`, `arn:aws:iam::${A}:user/eng/*`, `arn:aws:iam::${A}:user/bob`, `arn:aws:iam::${A}:user/\${aws:username}`, 'arn:aws:iam::*:user/*', `arn:aws:iam::${A}:user/*/\${aws:username}`, `arn:aws:iam::${A}:user/\${aws:username, 'bob'}`, `arn:aws:iam::${A}:user/\${aws:PrincipalTag/team, 'eng'}/carol`]
  if (random.chance(0.1)) return { NotResource: random.list(pool.filter(arn => !arn.includes('${')), 2) }
  return { Resource: random.list(pool, 2) }
}

function principals({ random, account, principal, path }) {
  const aws = [
    account, B, `arn:aws:iam::${account}:root`, `arn:aws:iam::${account}:role/LambdaRole`, `arn:aws:iam::${account}:role/LambdaRole`,
    `arn:aws:iam::${account}:role/Auditor`, `arn:aws:sts::${account}:assumed-role/LambdaRole/rolecall`,
    `arn:aws:sts::${account}:assumed-role/LambdaRole/other`, `arn:aws:iam::${account}:user/alice`, `arn:aws:iam::${account}:user/ops/bob`,
    `arn:aws:iam::${account}:user/bob`, '333333333333', 'arn:aws:iam::333333333333:role/LambdaRole', '*',
  ]
  // The simulator does not compare the path of a session's role: a known difference, see documented.json. So only the role
  // of the session itself is named.
  const own = principal.match(/assumed-role\/([^/]+)\//)?.[1]
  if (own) for (const [index, arn] of aws.entries()) if (arn === `arn:aws:iam::${account}:role/${own}`) aws[index] = `arn:aws:iam::${account}:role/${path}${own}`
  if (own !== 'LambdaRole') aws.push(`arn:aws:iam::${account}:role/service-role/LambdaRole`)
  const services = ['lambda.amazonaws.com', 'ec2.amazonaws.com']
  if (random.chance(0.08)) return '*'
  if (random.chance(0.08)) return { Service: random.list(services, 2) }
  if (random.chance(0.12)) return { Service: random.of(services), AWS: random.list(aws, 2) }
  return { AWS: random.list(aws, 3) }
}

// For each condition key: the values in requests (found), the values in policies (compared), the family of operators (by).
const keys = {
  'sts:ExternalId': { only: ['sts:AssumeRole'], found: ['right', 'Right', 'wrong'], compared: ['right', 'wrong', 'r*', '*'], by: 'String' },
  'sts:RoleSessionName': { only: ['sts:AssumeRole'], found: ['rolecall', 'alice'], compared: ['rolecall', 'role*', '${aws:username}', '${aws:PrincipalTag/team}', "${aws:PrincipalTag/team, 'alice'}"], by: 'String' },
  'sts:SourceIdentity': { only: ['sts:AssumeRole', 'sts:SetSourceIdentity'], found: ['alice', 'bob'], compared: ['alice', 'b?b', 'ALICE'], by: 'String' },
  'aws:PrincipalArn': { compared: [`arn:aws:iam::${B}:role/LambdaRole`, `arn:aws:iam::${A}:role/*`, `arn:aws:iam::*:role/Lambda*`, `arn:aws:iam::${B}:user/*`, `arn:aws:iam::22222222222?:*`, `arn:aws:iam::*:role/service-role/*`, `arn:aws:iam::${B}:role/*/LambdaRole`], by: 'Arn' },
  'aws:PrincipalAccount': { compared: [A, B, '333333333333', '2222*'], by: 'String' },
  'aws:PrincipalType': { compared: ['AssumedRole', 'User', 'assumedrole'], by: 'String' },
  'aws:PrincipalOrgID': { found: ['o-abc123', 'o-other'], compared: ['o-abc123', 'o-*', '${aws:PrincipalOrgID}'], by: 'String' },
  'aws:PrincipalOrgPaths': { many: true, found: ['o-abc123/r-1/ou-1/', 'o-abc123/r-1/ou-2/', 'o-other/r-9/'], compared: ['o-abc123/r-1/ou-1/', 'o-abc123/*', 'o-*'], by: 'String' },
  'aws:TagKeys': { only: ['sts:AssumeRole', 'sts:TagSession'], many: true, found: ['team', 'cost', 'Team'], compared: ['team', 'cost', 't*'], by: 'String' },
  'aws:PrincipalTag/team': { found: ['security', 'IAMListRole', 'alice'], compared: ['security', 'sec*', 'SECURITY'], by: 'String' },
  'aws:PrincipalTag/account': { found: [A, B], compared: [A, '1111*'], by: 'String' },
  'aws:RequestedRegion': { found: ['us-east-1', 'eu-central-1'], compared: ['us-east-1', 'eu-*'], by: 'String' },
  'aws:SourceIp': { found: ['10.1.2.3', '192.168.0.9'], compared: ['10.0.0.0/8', '10.1.2.3', '192.168.0.0/24', '10.1.2.0/25', '10.1.2.3/32', '192.168.0.8/31', '172.16.0.0/12'], by: 'IpAddress' },
  'aws:TokenIssueTime': { found: ['2026-11-23T11:30:00Z', '2025-12-31T23:59:59Z'], compared: ['2026-11-23T11:30:00Z', '2026-01-01', '2026-11-23T11:29:59.999Z', '2026-11-23T12:30:00+01:00'], by: 'Date' },
  'aws:CurrentTime': { found: ['2026-11-23T12:00:00Z'], compared: ['2026-11-23T12:00:00Z', '2026-11-24', '2026-01-01T00:00:00Z', '2026-11-23T13:30:00+02:00', '2027-01-01'], by: 'Date' },
  'aws:SecureTransport': { found: ['true', 'false'], compared: ['true', 'false', true], by: 'Bool' },
  'aws:MultiFactorAuthPresent': { found: ['true', 'false'], compared: ['true', 'false'], by: 'Bool' },
  'aws:MultiFactorAuthAge': { found: ['300', '3600', '86400'], compared: ['3600', '300', 300, '900.5', 3600, '-1', '0'], by: 'Numeric' },
}

const operators = {
  String: ['StringEquals', 'StringEquals', 'StringNotEquals', 'StringEqualsIgnoreCase', 'StringNotEqualsIgnoreCase', 'StringLike', 'StringNotLike', 'Null'],
  Arn: ['ArnEquals', 'ArnLike', 'ArnNotEquals', 'ArnNotLike', 'StringLike', 'StringEquals', 'Null'],
  IpAddress: ['IpAddress', 'NotIpAddress', 'Null'],
  Date: ['Null', 'DateEquals', 'DateNotEquals', 'DateLessThan', 'DateLessThanEquals', 'DateGreaterThan', 'DateGreaterThanEquals'],
  Bool: ['Bool', 'Null'],
  Numeric: ['NumericEquals', 'NumericNotEquals', 'NumericLessThan', 'NumericLessThanEquals', 'NumericGreaterThan', 'NumericGreaterThanEquals', 'Null'],
}

function requestContext(random, principal, path, account, action) {
  const context = {}
  for (const [key, { found, many, only }] of Object.entries(keys)) {
    if (!found || (only && !only.includes(action)) || random.chance(0.4)) continue
    const name = random.chance(0.1) ? key.toLowerCase() : key
    context[name] = many ? random.some(found, 2) : random.of(found)
  }
  if (!principal.startsWith('arn:')) return context
  const role = principal.match(/assumed-role\/([^/]+)\//)?.[1]
  context['aws:PrincipalArn'] = role ? `arn:aws:iam::${account}:role/${path}${role}` : principal
  context['aws:PrincipalAccount'] = account
  context['aws:PrincipalType'] = principal.includes(':user/') ? 'User' : 'AssumedRole'
  if (principal.includes(':user/')) context['aws:username'] = principal.split('/').pop()
  return context
}

function conditions(scene) {
  const { random, action } = scene
  const usable = Object.entries(keys).filter(([, { only }]) => !only || only.includes(action))
  const block = {}
  for (let left = 1 + random.below(random.chance(0.7) ? 1 : 3); left > 0; left--) {
    const [key, { many, compared, by }] = random.of(usable)
    const operator = random.of(operators[by])
    const name = random.chance(0.1) ? key.toUpperCase() : key
    const isNull = operator === 'Null'
    const setOperator = !isNull && random.chance(many ? 0.9 : 0.1) ? random.of(['ForAllValues:', 'ForAnyValue:']) : ''
    const ifExists = !isNull && random.chance(0.15) ? 'IfExists' : ''
    const values = isNull ? random.of(['true', 'false']) : random.list(compared, 3)
    block[setOperator + operator + ifExists] ??= {}
    block[setOperator + operator + ifExists][name] = values
  }
  return block
}
