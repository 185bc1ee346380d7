#include "runtime/tasks.h"

#include <algorithm>
#include <map>

#include "runtime/cut.h"

namespace octavo::runtime {

namespace {

using kernels::InputRows;
using kernels::OutputRows;

// Of one kernel of moderate speed; only the decision to share depends on it.
constexpr double ns_per_mac = 1.0 / 100, ns_per_byte = 1.0 / 8, ns_per_value = 1.0 / 3,
                 ns_per_run = 1;  // of a permute

// Those rows of a cut that belong to one image, counted inside it.
struct ImagePart {
  int32_t image, row_begin, row_end;
  int32_t rows() const { return row_end - row_begin; }
};

std::vector<ImagePart> image_parts(const Cut& cut, int32_t image_height, Charge& charge) {
  std::vector<ImagePart> parts;
  charge.reserve(parts, static_cast<size_t>((cut.row_end - 1) / image_height -
                                            cut.row_begin / image_height + 1));
  for (int32_t row = cut.row_begin; row < cut.row_end;) {
    const int32_t image = row / image_height, first = image * image_height;
    const int32_t end = std::min(cut.row_end, first + image_height);
    parts.push_back({image, row - first, end - first});
    row = end;
  }
  return parts;
}

class Maker {
 public:
  Maker(const Program::Impl& program, const Layout& layout, std::byte* arena,
        const std::vector<std::byte*>& scratch, Charge& charge)
      : program_(program),
        layout_(layout),
        arena_(arena),
        scratch_(scratch),
        charge_(charge),
        threads_(static_cast<int>(scratch.size())) {}

  Tasks make() {
    tasks_.input_halo = halo_rows(program_.plan.input, 0, layout(program_.plan.input).height);
    charge_.reserve(tasks_.steps, program_.steps.size());
    auto chain = layout_.chains.begin();
    for (size_t i = 0; i < program_.steps.size(); ++i) {
      step_ = &program_.plan.steps[i];
      tasks_.steps.emplace_back();
      pieces_ = &tasks_.steps.back().pieces;
      if (chain == layout_.chains.end() || i < chain->first) {
        std::visit([this](const auto& prepared) { add(prepared); }, program_.steps[i]);
      } else if (i == chain->last) {
        add_chain(*chain++);
      }
    }
    return std::move(tasks_);
  }

 private:
  const TensorLayout& layout(uint32_t tensor) const { return layout_.tensors[tensor]; }
  const TensorLayout& output() const { return layout(step_->output); }

  std::byte* pixel(uint32_t tensor, int64_t row, int64_t column) const {
    const TensorLayout& t = layout(tensor);
    std::byte* const first = t.ring_rows > 0 ? rings() + t.offset : arena_ + t.offset;
    if (t.ring_rows > 0) row %= t.ring_rows;
    return first + row * t.row_bytes + column * t.pixel_bytes;
  }

  // --- row tables ---

  std::vector<const std::byte*>& new_read_table(size_t rows) {
    charge_.add(sizeof tasks_.read_tables.front());
    tasks_.read_tables.emplace_back();
    charge_.reserve(tasks_.read_tables.back(), rows);
    return tasks_.read_tables.back();
  }

  // Rows row_begin .. row_begin + rows - 1 of one of a tensor's images, as a convolution reads
  // them; rows outside it are the zero row.
  InputRows image_rows(uint32_t tensor, int32_t image, int64_t row_begin, int64_t rows,
                       int64_t column) {
    const TensorLayout& t = layout(tensor);
    auto& table = new_read_table(static_cast<size_t>(rows));
    const int64_t first = int64_t{image} * t.image_height();
    for (int64_t row = row_begin; row < row_begin + rows; ++row) {
      if (row >= 0 && row < t.image_height()) {
        table.push_back(pixel(tensor, first + row, column));
      } else {
        table.push_back(t.zero_row + column * t.pixel_bytes);
      }
    }
    return {table.data(), t.pixel_bytes};
  }

  // Rows of the tensor, whatever image they belong to.
  InputRows input_rows(uint32_t tensor, int64_t row_begin, int64_t rows, int64_t column) {
    auto& table = new_read_table(static_cast<size_t>(rows));
    for (int64_t row = row_begin; row < row_begin + rows; ++row) {
      table.push_back(pixel(tensor, row, column));
    }
    return {table.data(), layout(tensor).pixel_bytes};
  }

  // All rows of an image. Many tasks that read parts of it share the table.
  InputRows map_rows(uint32_t tensor, int32_t image) {
    const int32_t rows = layout(tensor).image_height();
    const int64_t first = int64_t{image} * rows;
    InputRows& known = maps_[{tensor, pixel(tensor, first, 0)}];
    if (known.row == nullptr) known = input_rows(tensor, first, rows, 0);
    return known;
  }

  OutputRows output_rows(uint32_t tensor, int64_t row_begin, int64_t rows, int64_t column) {
    charge_.add(sizeof tasks_.write_tables.front());
    tasks_.write_tables.emplace_back();
    auto& table = tasks_.write_tables.back();
    charge_.reserve(table, static_cast<size_t>(rows));
    for (int64_t row = row_begin; row < row_begin + rows; ++row) {
      table.push_back(pixel(tensor, row, column));
    }
    return {table.data(), layout(tensor).pixel_bytes};
  }

  // The one pixel of an image in every row of it.
  InputRows repeated_pixel(uint32_t tensor, const Cut& cut) {
    auto& table = new_read_table(static_cast<size_t>(cut.row_end - cut.row_begin));
    for (int32_t r = cut.row_begin; r < cut.row_end; ++r) {
      table.push_back(pixel(tensor, r / output().image_height(), 0));
    }
    return {table.data(), layout(tensor).pixel_bytes};
  }

  // Of a residual: rows as the output's, or its one pixel for all of them.
  InputRows residual_rows(uint32_t tensor, int32_t row, int32_t rows, int32_t column) {
    const TensorLayout& t = layout(tensor);
    if (t.height * t.width == output().height * output().width) {
      return input_rows(tensor, row, rows, column);
    }
    auto& table = new_read_table(static_cast<size_t>(rows));
    table.assign(static_cast<size_t>(rows), pixel(tensor, 0, 0));
    return {table.data(), 0};
  }

  // Row index[r] of an image for each row r of its part.
  InputRows picked_rows(uint32_t tensor, const std::vector<int32_t>& index, const ImagePart& part) {
    auto& table = new_read_table(static_cast<size_t>(part.rows()));
    const int64_t first = int64_t{part.image} * layout(tensor).image_height();
    for (int32_t r = part.row_begin; r < part.row_end; ++r) {
      table.push_back(pixel(tensor, first + index[static_cast<size_t>(r)], 0));
    }
    return {table.data(), layout(tensor).pixel_bytes};
  }

  // --- pieces ---

  HaloRows halo_rows(uint32_t tensor, int32_t row_begin, int32_t row_end) const {
    const TensorLayout& t = layout(tensor);
    HaloRows halo;
    if (t.halo == 0 || row_begin == row_end) return halo;
    halo.zeros = t.zero_row - t.halo_left * t.pixel_bytes;
    if (row_begin == 0 && t.halo_left > 0) halo.left = pixel(tensor, 0, -t.halo_left);
    halo.right = pixel(tensor, row_begin, t.width);
    halo.pixel_bytes = t.pixel_bytes;
    halo.row_bytes = t.row_bytes;
    halo.channel_bytes = t.channel_bytes();
    halo.rows = row_end - row_begin;
    halo.left_pixels = t.halo_left;
    halo.pixels = t.halo;
    return halo;
  }

  Piece& new_piece() {
    charge_.add(sizeof(Piece));
    pieces_->emplace_back();
    return pieces_->back();
  }
  // A piece of one task.
  template <class Task>
  void add_piece(const Task& task) {
    Piece& piece = new_piece();
    charge_.reserve(piece.work, 1);
    piece.work.push_back(task);
  }

  // Every piece writes the halo beside its own rows; pieces that are not cut by rows
  // share the rows evenly.
  void add_halos(const std::vector<Cut>& cuts, bool cut_by_rows) {
    const auto count = static_cast<int64_t>(cuts.size());
    for (int64_t i = 0; i < count; ++i) {
      const Cut& cut = cuts[static_cast<size_t>(i)];
      const int64_t height = output().height;
      const int64_t begin = cut_by_rows ? cut.row_begin : height * i / count;
      const int64_t end = cut_by_rows ? cut.row_end : height * (i + 1) / count;
      (*pieces_)[static_cast<size_t>(i)].halo =
          halo_rows(step_->output, static_cast<int32_t>(begin), static_cast<int32_t>(end));
    }
  }

  static bool are_cut_by_rows(const std::vector<Cut>& cuts) {
    return cuts.size() > 1 && cuts[1].row_begin > 0;
  }

  // A piece a cut, of the task make(cut).
  template <class Make>
  void add_pieces(const std::vector<Cut>& cuts, const Make& make) {
    for (const Cut& cut : cuts) {
      Piece& piece = new_piece();
      charge_.reserve(piece.work, 1);
      piece.work.push_back(make(cut));
    }
    add_halos(cuts, are_cut_by_rows(cuts));
  }

  // A piece a cut, of a task make(cut, part) for each image that it has rows of.
  template <class Make>
  void add_pieces_by_image(const std::vector<Cut>& cuts, int32_t image_height, const Make& make) {
    for (const Cut& cut : cuts) {
      Piece& piece = new_piece();
      const std::vector<ImagePart> parts = image_parts(cut, image_height, charge_);
      charge_.reserve(piece.work, parts.size());
      for (const ImagePart& part : parts) piece.work.push_back(make(cut, part));
    }
    add_halos(cuts, are_cut_by_rows(cuts));
  }

  // Of the thread whose piece is made.
  std::byte* scratch() const { return scratch_[pieces_->size() - 1]; }
  std::byte* rings() const { return scratch() + round_up(program_.scratch_bytes, alignment); }

  // The output's shape, as one row where all of its inputs can be read so as well.
  WorkShape work_shape(bool flat) const {
    WorkShape shape;
    const TensorLayout& y = output();
    shape.rows = flat ? 1 : y.height;
    shape.columns = flat ? y.height * y.width : y.width;
    shape.channels = y.channels;
    if (flat) shape.column_step = 4;
    return shape;
  }

  bool is_flat(uint32_t tensor) const { return layout(tensor).is_flat(); }

  void add_chain(const Chain& chain);
  template <class Visit>
  void visit_windowed(size_t step, const Visit& visit);
  double nanoseconds_of(const PreparedConvolution& made) const;
  double nanoseconds_of(const PreparedPool& made) const;
  ConvolutionTask task_of(const PreparedConvolution& made, const Cut& cut, const ImagePart& part);
  PoolTask task_of(const PreparedPool& made, const Cut& cut, const ImagePart& part);
  void add(const PreparedConvolution& made);
  void add(const PreparedPool& made);
  void add(const PreparedElementwise& made);
  void add(const PreparedNormalize& made);
  void add(const PreparedMatMul& made);
  void add(const PreparedResize& made);
  void add(const PreparedLookup& made);
  void add(const PreparedPermute& made);
  void add(const PreparedConstant& made);
  void add(const PreparedMove& made);
  void add_concat();
  void add_gather(const GatherChannels& channels);
  PixelRows pixel_rows(const std::byte* x, const TensorLayout& x_layout, std::byte* y,
                       const Cut& cut) const;
  std::vector<Cut> cut_move() const;

  const Program::Impl& program_;
  const Layout& layout_;
  std::byte* arena_;
  const std::vector<std::byte*>& scratch_;
  Charge& charge_;
  int threads_;
  Tasks tasks_;
  std::map<std::pair<uint32_t, const std::byte*>, InputRows> maps_;
  const Step* step_ = nullptr;
  std::vector<Piece>* pieces_ = nullptr;
};

double Maker::nanoseconds_of(const PreparedConvolution&) const {
  return ns_per_mac * static_cast<double>(step_macs(program_.plan, *step_)) +
         ns_per_byte * static_cast<double>(output().height * output().row_bytes);
}

double Maker::nanoseconds_of(const PreparedPool& made) const {
  return ns_per_byte * made.window_pixels *
         static_cast<double>(output().height * output().row_bytes);
}

ConvolutionTask Maker::task_of(const PreparedConvolution& made, const Cut& cut,
                               const ImagePart& part) {
  const kernels::ConvolutionShape& shape = made.constants.shape;
  // Where no window looks beyond its own row, all images are one.
  const int32_t image_height = made.is_flat ? 1 : output().image_height();
  const int32_t row = part.image * image_height + part.row_begin;  // of the output
  const int64_t first_row = int64_t{part.row_begin} * shape.stride_h - made.pad_top;
  const int64_t read_rows = int64_t{part.rows() - 1} * shape.stride_h + made.dilated_rows;
  const int64_t first_column = int64_t{cut.column_begin} * shape.stride_w - made.pad_left;
  kernels::ConvolutionArguments a;
  a.constants = &made.constants;
  a.input = image_rows(step_->inputs[0], part.image, first_row, read_rows, first_column);
  a.output = output_rows(step_->output, row, part.rows(), cut.column_begin);
  if (shape.has_residual) {
    a.residual = residual_rows(step_->inputs.back(), row, part.rows(), cut.column_begin);
  }
  a.output_rows = part.rows();
  a.output_width = cut.column_end - cut.column_begin;
  a.channel_begin = cut.channel_begin;
  a.channel_end = cut.channel_end;
  a.scratch = scratch();
  return {made.kernel->run, a};
}

void Maker::add(const PreparedConvolution& made) {
  const kernels::ConvolutionShape& shape = made.constants.shape;
  const uint32_t x = step_->inputs[0];
  WorkShape work = work_shape(made.is_flat);
  work.channel_step = made.kernel->channel_step;
  work.weight_bytes = static_cast<int64_t>(made.kernel->packed_bytes(shape));
  work.input_bytes = layout(x).height * layout(x).row_bytes;
  work.nanoseconds = nanoseconds_of(made);
  add_pieces_by_image(
      cut_work(work, threads_), made.is_flat ? 1 : output().image_height(),
      [&](const Cut& cut, const ImagePart& part) { return task_of(made, cut, part); });
}

PoolTask Maker::task_of(const PreparedPool& made, const Cut& cut, const ImagePart& part) {
  const int32_t row = part.image * output().image_height() + part.row_begin;
  kernels::PoolArguments a;
  a.constants = &made.constants;
  a.input = map_rows(step_->inputs[0], part.image);
  a.output = output_rows(step_->output, row, part.rows(), 0);
  a.output_rows = part.rows();
  a.output_width = output().width;
  a.row_begin = made.row_begin + part.row_begin;
  a.row_end = made.row_end + part.row_begin;
  a.row_count = made.row_count + part.row_begin;
  a.channel_begin = cut.channel_begin;
  a.channel_end = cut.channel_end;
  return {made.kernel->run, a};
}

void Maker::add(const PreparedPool& made) {
  WorkShape work = work_shape(false);
  work.channel_step = 64;
  work.nanoseconds = nanoseconds_of(made);
  add_pieces_by_image(
      cut_work(work, threads_), output().image_height(),
      [&](const Cut& cut, const ImagePart& part) { return task_of(made, cut, part); });
}

// What a chain may hold.
template <class Made>
constexpr bool is_windowed =
    std::is_same_v<Made, PreparedConvolution> || std::is_same_v<Made, PreparedPool>;

template <class Visit>
void Maker::visit_windowed(size_t step, const Visit& visit) {
  step_ = &program_.plan.steps[step];
  const auto if_windowed = [&]<class Made>(const Made& made) {
    if constexpr (is_windowed<Made>) visit(made);
  };
  std::visit(if_windowed, program_.steps[step]);
}

// Pieces are cut by rows of the last step; what two of them need of the steps before, both make.
void Maker::add_chain(const Chain& chain) {
  WorkShape work;
  work.rows = output().height;
  for (size_t i = chain.first; i <= chain.last; ++i) {
    visit_windowed(i, [&](const auto& made) { work.nanoseconds += nanoseconds_of(made); });
  }
  const std::vector<Cut> cuts = cut_work(work, threads_);
  for (const Cut& cut : cuts) {
    Piece& piece = new_piece();
    const std::vector<RowRun> order = order_of(program_.plan, chain, cut.row_begin, cut.row_end);
    charge_.reserve(piece.work, chain.ring_rows.size() + order.size());
    for (size_t i = 0; i < chain.ring_rows.size(); ++i) {
      const uint32_t ring = program_.plan.steps[chain.first + i].output;
      const HaloRows halo = halo_rows(ring, 0, chain.ring_rows[i]);
      if (halo.pixels > 0) piece.work.push_back(halo);
    }
    for (const RowRun& run : order) {
      visit_windowed(run.step, [&](const auto& made) {
        const Cut rows{run.begin, run.end, 0, output().width, 0, output().channels};
        piece.work.push_back(task_of(made, rows, {0, run.begin, run.end}));
      });
    }
  }
  add_halos(cuts, true);
}

void Maker::add(const PreparedElementwise& made) {
  const kernels::ElementwiseShape& shape = made.constants.shape;
  const uint32_t a = step_->inputs[0];
  const bool has_b = shape.kind != kernels::ElementwiseShape::Kind::rescale;
  const bool flat =
      is_flat(a) && is_flat(step_->output) &&
      (!has_b || (shape.b_is_one_pixel ? output().images == 1 : is_flat(step_->inputs[1])));
  WorkShape work = work_shape(flat);
  work.nanoseconds = ns_per_byte * static_cast<double>(output().height * output().row_bytes);
  add_pieces(cut_work(work, threads_), [&](const Cut& cut) {
    kernels::ElementwiseArguments e;
    e.constants = &made.constants;
    e.rows = cut.row_end - cut.row_begin;
    e.width = cut.column_end - cut.column_begin;
    e.a = input_rows(a, cut.row_begin, e.rows, cut.column_begin);
    if (has_b) {
      e.b = shape.b_is_one_pixel
                ? repeated_pixel(step_->inputs[1], cut)
                : input_rows(step_->inputs[1], cut.row_begin, e.rows, cut.column_begin);
    }
    e.output = output_rows(step_->output, cut.row_begin, e.rows, cut.column_begin);
    return ElementwiseTask{made.kernel->run, e};
  });
}

void Maker::add(const PreparedNormalize& made) {
  const uint32_t x = step_->inputs[0];
  WorkShape work = work_shape(is_flat(x) && is_flat(step_->output));
  work.nanoseconds = ns_per_value * static_cast<double>(output().height * output().width) *
                     static_cast<double>(output().channels);
  add_pieces(cut_work(work, threads_), [&](const Cut& cut) {
    kernels::NormalizeArguments n;
    n.constants = &made.constants;
    n.rows = cut.row_end - cut.row_begin;
    n.width = cut.column_end - cut.column_begin;
    n.input = input_rows(x, cut.row_begin, n.rows, cut.column_begin);
    n.output = output_rows(step_->output, cut.row_begin, n.rows, cut.column_begin);
    return NormalizeTask{made.kernel->run, n};
  });
}

void Maker::add(const PreparedMatMul& made) {
  WorkShape work = work_shape(false);
  work.column_step = 4;  // one product may be all there is
  work.nanoseconds = ns_per_mac * static_cast<double>(step_macs(program_.plan, *step_));
  add_pieces(cut_work(work, threads_), [&](const Cut& cut) {
    kernels::MatMulArguments m;
    m.constants = &made.constants;
    m.rows = cut.row_end - cut.row_begin;
    m.width = cut.column_end - cut.column_begin;
    m.a = input_rows(step_->inputs[0], cut.row_begin, m.rows, cut.column_begin);
    m.b = input_rows(step_->inputs[1], cut.row_begin, m.rows, 0);
    if (made.constants.shape.has_residual) {
      m.residual = residual_rows(step_->inputs[2], cut.row_begin, m.rows, cut.column_begin);
    }
    m.output = output_rows(step_->output, cut.row_begin, m.rows, cut.column_begin);
    m.scratch = scratch();
    return MatMulTask{made.kernel->run, m};
  });
}

void Maker::add(const PreparedResize& made) {
  const uint32_t x = step_->inputs[0];
  const int32_t image_height = output().image_height();
  WorkShape work = work_shape(false);
  work.nanoseconds = 4 * ns_per_byte * static_cast<double>(output().height * output().row_bytes);
  add_pieces_by_image(cut_work(work, threads_), image_height,
                      [&](const Cut&, const ImagePart& part) {
                        const int32_t row = part.image * image_height + part.row_begin;
                        kernels::ResizeArguments z;
                        z.constants = &made.constants;
                        z.upper = picked_rows(x, made.row, part);
                        z.lower = picked_rows(x, made.next_row, part);
                        z.output = output_rows(step_->output, row, part.rows(), 0);
                        z.rows = part.rows();
                        z.width = output().width;
                        z.row_weight = made.row_weight + part.row_begin;
                        return ResizeTask{made.kernel->run, z};
                      });
}

// Runs, not rows, are cut: the values of a row come from everywhere.
void Maker::add(const PreparedPermute& made) {
  const uint32_t x = step_->inputs[0], y = step_->output;
  WorkShape work;
  work.rows = static_cast<int32_t>(made.order.runs);  // at most plan_limit::elements
  const double byte = made.order.transposes ? 2 * ns_per_byte : ns_per_byte;
  work.nanoseconds = ns_per_run * static_cast<double>(made.order.runs) +
                     byte * static_cast<double>(output().height * output().row_bytes);
  const std::vector<Cut> cuts = cut_work(work, threads_);
  for (const Cut& cut : cuts) {
    add_piece(PermuteTask{pixel(x, 0, 0), pixel(y, 0, 0), &layout(x), &layout(y), &made.order,
                          cut.row_begin, cut.row_end});
  }
  add_halos(cuts, false);
}

void Maker::add(const PreparedConstant& made) {
  TensorLayout values = output();
  values.pixel_bytes = values.channel_bytes();
  values.row_bytes = values.width * values.pixel_bytes;
  const std::vector<Cut> cuts = cut_move();
  for (const Cut& cut : cuts) {
    const PixelRows rows = pixel_rows(made.values, values, pixel(step_->output, 0, 0), cut);
    add_piece(CopyTask{rows, values.channel_bytes()});
  }
  add_halos(cuts, true);
}

void Maker::add(const PreparedLookup& made) {
  const uint32_t x = step_->inputs[0];
  WorkShape work = work_shape(false);
  work.nanoseconds = ns_per_value * static_cast<double>(output().height * output().width) *
                     static_cast<double>(output().channels);
  const std::vector<Cut> cuts = cut_work(work, threads_);
  for (const Cut& cut : cuts) {
    const PixelRows rows = pixel_rows(pixel(x, 0, 0), layout(x), pixel(step_->output, 0, 0), cut);
    add_piece(LookupTask{rows, &made.tables});
  }
  add_halos(cuts, true);
}

PixelRows Maker::pixel_rows(const std::byte* x, const TensorLayout& x_layout, std::byte* y,
                            const Cut& cut) const {
  const TensorLayout& y_layout = output();
  PixelRows rows;
  rows.x = x + cut.row_begin * x_layout.row_bytes;
  rows.y = y + cut.row_begin * y_layout.row_bytes;
  rows.x_pixel_bytes = x_layout.pixel_bytes;
  rows.x_row_bytes = x_layout.row_bytes;
  rows.y_pixel_bytes = y_layout.pixel_bytes;
  rows.y_row_bytes = y_layout.row_bytes;
  rows.rows = cut.row_end - cut.row_begin;
  rows.width = y_layout.width;
  return rows;
}

std::vector<Cut> Maker::cut_move() const {
  WorkShape work = work_shape(false);
  work.nanoseconds = ns_per_byte * static_cast<double>(output().height * output().row_bytes);
  return cut_work(work, threads_);
}

void Maker::add(const PreparedMove& made) {
  switch (made.kind) {
    case PreparedMove::Kind::gather:
      return add_gather(made.channels);
    case PreparedMove::Kind::concat:
      return add_concat();
    case PreparedMove::Kind::reshape: {
      const uint32_t x = step_->inputs[0], y = step_->output;
      add_piece(ReshapeTask{pixel(x, 0, 0), pixel(y, 0, 0), &layout(x), &layout(y)});
      pieces_->back().halo = halo_rows(y, 0, output().height);
      return;
    }
  }
}

void Maker::add_gather(const GatherChannels& channels) {
  const uint32_t x = step_->inputs[0];
  const std::byte* first = pixel(x, 0, 0) + ptrdiff_t{channels.from[0]} * output().element_bytes;
  if (channels.runs.size() == 1 && first == pixel(step_->output, 0, 0)) return;  // a view
  const std::vector<Cut> cuts = cut_move();
  for (const Cut& cut : cuts) {
    const PixelRows rows = pixel_rows(pixel(x, 0, 0), layout(x), pixel(step_->output, 0, 0), cut);
    add_piece(GatherTask{rows, &channels, output().element_bytes});
  }
  add_halos(cuts, true);
}

void Maker::add_concat() {
  const std::vector<Cut> cuts = cut_move();
  for (const Cut& cut : cuts) {
    Piece& piece = new_piece();
    std::byte* y = pixel(step_->output, 0, 0);
    charge_.reserve(piece.work, step_->inputs.size());
    for (const uint32_t input : step_->inputs) {
      const TensorLayout& x = layout(input);
      if (pixel(input, 0, 0) != y) {  // else it was made here
        piece.work.push_back(
            CopyTask{pixel_rows(pixel(input, 0, 0), x, y, cut), x.channel_bytes()});
      }
      y += x.channel_bytes();
    }
  }
  const bool all_there = std::all_of(pieces_->begin(), pieces_->end(),
                                     [](const Piece& piece) { return piece.work.empty(); });
  if (all_there) {
    pieces_->clear();
    return;
  }
  add_halos(cuts, true);
}

struct Runner {
  template <class Arguments>
  void operator()(const KernelTask<Arguments>& task) const {
    task.run(task.arguments);
  }
  void operator()(const PermuteTask& task) const {
    permute(task.x, *task.x_layout, task.y, *task.y_layout, *task.order, task.begin, task.end);
  }
  void operator()(const CopyTask& task) const { copy_pixels(task.rows, task.bytes); }
  void operator()(const GatherTask& task) const {
    gather_pixels(task.rows, *task.channels, task.element_bytes);
  }
  void operator()(const LookupTask& task) const { look_up_pixels(task.rows, *task.tables); }
  void operator()(const HaloRows& halo) const { fill_halo(halo); }
  void operator()(const ReshapeTask& task) const {
    reshape(task.x, *task.x_layout, task.y, *task.y_layout);
  }
};

}  // namespace

Tasks make_tasks(const Program::Impl& program, const Layout& layout, std::byte* arena,
                 const std::vector<std::byte*>& scratch, Charge& charge) {
  return Maker(program, layout, arena, scratch, charge).make();
}

size_t thread_bytes(const Program::Impl& program, const Layout& layout) {
  if (layout.ring_bytes == 0) return program.scratch_bytes;
  return round_up(program.scratch_bytes, alignment) + layout.ring_bytes;
}

void run_piece(const Piece& piece) {
  for (const Work& work : piece.work) std::visit(Runner{}, work);
  if (piece.halo.pixels > 0) fill_halo(piece.halo);
}

}  // namespace octavo::runtime
