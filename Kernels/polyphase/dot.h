/* The row of vz_polyphase.def over the vector vocabulary; include inside a target region. */

void ISA(vz_polyphase_f32)(size_t n, size_t taps, size_t phases, size_t first, size_t step, const float *bank,
                           const float *x, float *y) {
  size_t whole = first / phases, phase = first % phases;
  size_t whole_step = step / phases, phase_step = step % phases;
  for (size_t i = 0; i < n; i++) {
    const float *w = bank + phase * taps, *v = x + whole;
    vf a = vf_zero(), b = vf_zero();
    size_t t = 0;
    for (; t + 2 * VF <= taps; t += 2 * VF) {
      a = vf_fma(vf_load(w + t), vf_load(v + t), a);
      b = vf_fma(vf_load(w + t + VF), vf_load(v + t + VF), b);
    }
    for (; t < taps; t += VF) a = vf_fma(vf_load(w + t), vf_load(v + t), a);
    y[i] = vf_sum(vf_add(a, b));
    whole += whole_step;
    phase += phase_step;
    if (phase >= phases) phase -= phases, whole++;
  }
}
