#include "vz_eltwise_program.h"

int vz_eltwise_operand_count(vz_eltwise_op op) {
  if (op == VZ_ELTWISE_CONST) return 0;
  if (op == VZ_ELTWISE_COPY) return 1;
  if (op <= VZ_ELTWISE_POW) return 2;
  if (op <= VZ_ELTWISE_SELECT) return 3;
  if (op <= VZ_ELTWISE_XOR) return 2;
  return op == VZ_ELTWISE_HARDSIGMOID ? 3 : 1;
}

bool vz_eltwise_is_valid(const vz_eltwise_program *program) {
  if (program->input_count > VZ_ELTWISE_MAX_INPUTS || program->output_count > VZ_ELTWISE_MAX_OUTPUTS ||
      program->register_count > VZ_ELTWISE_MAX_REGISTERS || program->register_count < program->input_count ||
      program->instruction_count > VZ_ELTWISE_MAX_INSTRUCTIONS)
    return false;
  bool written[VZ_ELTWISE_MAX_REGISTERS] = {false};
  for (size_t k = 0; k < program->input_count; k++) {
    if (program->input_types[k] > VZ_ELTWISE_S16) return false;
    written[k] = true;
  }
  for (size_t k = 0; k < program->instruction_count; k++) {
    const vz_eltwise_instruction *in = &program->instructions[k];
    if (in->op >= VZ_ELTWISE_OP_COUNT || in->dst >= program->register_count) return false;
    const uint8_t operands[3] = {in->a, in->b, in->c};
    for (int p = 0; p < vz_eltwise_operand_count((vz_eltwise_op)in->op); p++)
      if (operands[p] >= program->register_count || !written[operands[p]]) return false;
    written[in->dst] = true;
  }
  for (size_t k = 0; k < program->output_count; k++)
    if (program->output_types[k] > VZ_ELTWISE_S16 || program->outputs[k] >= program->register_count ||
        !written[program->outputs[k]])
      return false;
  return true;
}
