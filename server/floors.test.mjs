import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problems } from './floors.mjs';

test('imports of floors below pass', () => {
  assert.deepEqual(problems([['room/actor.rs', 'use crate::{config::RoomConfig, ids::{DocId, UserId}, room::state::State};']]), []);
});

test('an upward import is found, however it is written', () => {
  for (const source of [
    'use crate::app::App;',
    'use crate::{\n    ids::DocId,\n    ws::{self, socket},\n};',
    'pub use crate::http::error::ApiError;',
    'fn f() -> crate::services::Services { todo!() }',
    'use super::super::http;',
  ]) {
    assert.equal(problems([['room/actor.rs', source]]).length, 1, source);
  }
});

test('an import of the same floor and a module without a floor are found', () => {
  assert.equal(problems([['log.rs', 'use crate::relay::Relay;']]).length, 1);
  assert.equal(problems([['attic.rs', '']]).length, 1);
});

test('comments and the own module count for nothing', () => {
  assert.deepEqual(problems([['room.rs', '//! See crate::app.\nuse self::state::State;\nuse crate::room::actor;']]), []);
});
