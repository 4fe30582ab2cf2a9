/* How an app in C runs a model: every input is filled with ones, and the sum of each output is printed.
 *
 *     cc -o example example.c $(pkg-config --cflags --libs viseme) && ./example model.onnx
 */
#include <stdio.h>
#include <stdlib.h>
#include <viseme.h>

enum { MOST = 8 };

static int failed(const char *what) {
  const viseme_error *error = viseme_last_error();
  fprintf(stderr, "%s: %s: %s\n", what, viseme_status_name(error->status), error->message);
  if (*error->operator_name) fprintf(stderr, "operator: %s\n", error->operator_name);
  return error->status == VISEME_UNSUPPORTED ? 3 : 1;
}

/* A tensor of ones; open extents become 1. */
static viseme_value *ones(const viseme_value_info *info) {
  int64_t dims[MOST];
  if (info->rank < 0 || info->rank > MOST || info->element_type != VISEME_FLOAT) return NULL;
  for (int axis = 0; axis < info->rank; axis++) dims[axis] = info->dims[axis] < 0 ? 1 : info->dims[axis];
  viseme_value *value;
  viseme_tensor_info tensor = VISEME_TENSOR_INFO_INIT;
  if (viseme_tensor_create(VISEME_FLOAT, (size_t)info->rank, dims, &value)) return NULL;
  if (viseme_tensor_describe(value, &tensor)) return NULL;
  for (size_t i = 0; i < tensor.count; i++) ((float *)tensor.data)[i] = 1;
  return value;
}

static int print_sum(const char *name, viseme_value *value) {
  viseme_tensor_info tensor = VISEME_TENSOR_INFO_INIT;
  if (viseme_tensor_describe(value, &tensor)) return failed(name);
  double sum = 0;
  if (tensor.element_type == VISEME_FLOAT) {
    for (size_t i = 0; i < tensor.count; i++) sum += ((const float *)tensor.data)[i];
  }
  printf("%s: %zu elements, sum %g\n", name, tensor.count, sum);
  return 0;
}

int main(int argc, char **argv) {
  if (argc != 2) return fprintf(stderr, "usage: %s MODEL\n", argv[0]), 2;
  printf("viseme %s\n", viseme_version());

  viseme_model_options options = VISEME_MODEL_OPTIONS_INIT;
  options.threads = 2;
  viseme_model *model;
  viseme_session *session;
  if (viseme_model_open(argv[1], &options, &model)) return failed("opening the model");
  if (viseme_session_create(model, NULL, &session)) return failed("starting a session");

  size_t input_count = viseme_model_input_count(model), output_count = viseme_model_output_count(model);
  if (input_count > MOST || output_count > MOST) return fprintf(stderr, "too many inputs or outputs\n"), 1;
  const char *input_names[MOST], *output_names[MOST];
  viseme_value *inputs[MOST], *outputs[MOST] = {NULL};
  for (size_t i = 0; i < input_count; i++) {
    viseme_value_info info = VISEME_VALUE_INFO_INIT;
    if (viseme_model_input(model, i, &info)) return failed("describing an input");
    printf("input %s: %s\n", info.name, info.type);
    input_names[i] = info.name;
    if (!(inputs[i] = ones(&info))) return fprintf(stderr, "%s is not a tensor of floats\n", info.name), 1;
  }
  for (size_t i = 0; i < output_count; i++) {
    viseme_value_info info = VISEME_VALUE_INFO_INIT;
    if (viseme_model_output(model, i, &info)) return failed("describing an output");
    output_names[i] = info.name;
  }

  /* Once: the run makes the outputs. */
  if (viseme_session_run(session, NULL, input_count, input_names, inputs, output_count, output_names, outputs))
    return failed("running");
  for (size_t i = 0; i < output_count; i++) {
    if (print_sum(output_names[i], outputs[i])) return 1;
  }

  /* In a loop: nothing is allocated, results go where the first run left them. */
  viseme_binding *binding;
  if (viseme_binding_create(session, input_count, inputs, output_count, outputs, &binding)) return failed("binding");
  for (int frame = 0; frame < 3; frame++) {
    if (viseme_binding_run(binding, NULL)) return failed("running the binding");
  }
  for (size_t i = 0; i < output_count; i++) {
    if (print_sum(output_names[i], outputs[i])) return 1;
  }

  viseme_binding_destroy(binding);
  for (size_t i = 0; i < input_count; i++) viseme_value_destroy(inputs[i]);
  for (size_t i = 0; i < output_count; i++) viseme_value_destroy(outputs[i]);
  viseme_session_destroy(session);
  viseme_model_destroy(model);
  return 0;
}
