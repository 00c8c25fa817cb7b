import { describe, expect, it } from 'vitest';
import { graceOf, SCENARIOS } from './rotate-key.js';

describe('graceOf', () => {
  it.each([
    ['1h', 1],
    ['24h', 24],
    ['3d', 72],
    ['7d', 168],
    ['168h', 168],
  ])('reads %s as %i hours', (text, hours) => {
    expect(graceOf(text, undefined)).toEqual({ hours });
  });

  it.each([
    ['90m', 2],
    ['61m', 2],
    ['1h30m', 2],
    ['3601s', 2],
  ])('rounds %s up to %i hours and says so', (text, hours) => {
    expect(graceOf(text, undefined)).toEqual({ hours, roundedFrom: text });
  });

  it.each(['59m', '0h', '169h', '8d', '10081m'])('refuses %s and names the range (CL8)', (text) => {
    expect(() => graceOf(text, undefined)).toThrow(`${text} is outside of the range of 1h to 168h`);
  });

  it.each(['soon', '24', '-1h', ''])('refuses "%s", which is no duration', (text) => {
    expect(() => graceOf(text, undefined)).toThrow('is not a duration');
  });

  it('is 24 hours when nothing is asked for', () => {
    expect(graceOf(undefined, undefined)).toEqual({ hours: 24 });
  });

  it("takes the hours of document C's table from the scenario (KY14)", () => {
    const hours = Object.fromEntries(
      Object.keys(SCENARIOS).map((name) => [name, graceOf(undefined, name as keyof typeof SCENARIOS).hours]),
    );

    expect(hours).toEqual({ single: 4, rolling: 24, partner: 72, compliance: 24, emergency: 1 });
  });
});
