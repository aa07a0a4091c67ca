/* The floor of a JPEG: decode it and encode it again with the same tables, sampling and coding, by the C library. Compiled and
 * loaded when the benchmark runs, where the system has a compiler and libjpeg's headers. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

/* Decodes to RGB or grey; the caller frees the pixels. The tables stay with `in`. */
static unsigned char *read_pixels(struct jpeg_decompress_struct *in, const unsigned char *file, size_t length) {
    jpeg_mem_src(in, (unsigned char *)file, length);
    jpeg_read_header(in, TRUE);
    in->out_color_space = in->num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_start_decompress(in);
    size_t row = (size_t)in->output_width * in->output_components;
    unsigned char *pixels = malloc(row * in->output_height);
    while (in->output_scanline < in->output_height) {
        JSAMPROW line = pixels + row * in->output_scanline;
        jpeg_read_scanlines(in, &line, 1);
    }
    return pixels;
}

/* Returns the number of bytes of pixels. */
size_t floor_decode(const unsigned char *file, size_t length) {
    struct jpeg_error_mgr errors;
    struct jpeg_decompress_struct in;
    in.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&in);
    unsigned char *pixels = read_pixels(&in, file, length);
    size_t size = (size_t)in.output_width * in.output_components * in.output_height;
    jpeg_finish_decompress(&in);
    jpeg_destroy_decompress(&in);
    free(pixels);
    return size;
}

/* Returns the length of the file that it writes. */
size_t floor_decode_and_encode(const unsigned char *file, size_t length, int fitted, int progressive) {
    struct jpeg_error_mgr errors;
    struct jpeg_decompress_struct in;
    struct jpeg_compress_struct out;
    in.err = out.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&in);
    unsigned char *pixels = read_pixels(&in, file, length);

    unsigned char *written = NULL;
    unsigned long size = 0;
    jpeg_create_compress(&out);
    jpeg_mem_dest(&out, &written, &size);
    out.image_width = in.output_width;
    out.image_height = in.output_height;
    out.input_components = in.output_components;
    out.in_color_space = in.out_color_space;
    jpeg_set_defaults(&out);
    for (int slot = 0; slot < NUM_QUANT_TBLS; slot++) {
        if (in.quant_tbl_ptrs[slot] == NULL) continue;
        if (out.quant_tbl_ptrs[slot] == NULL) out.quant_tbl_ptrs[slot] = jpeg_alloc_quant_table((j_common_ptr)&out);
        memcpy(out.quant_tbl_ptrs[slot]->quantval, in.quant_tbl_ptrs[slot]->quantval, sizeof in.quant_tbl_ptrs[slot]->quantval);
    }
    for (int index = 0; index < out.num_components; index++) {
        out.comp_info[index].h_samp_factor = in.comp_info[index].h_samp_factor;
        out.comp_info[index].v_samp_factor = in.comp_info[index].v_samp_factor;
        out.comp_info[index].quant_tbl_no = in.comp_info[index].quant_tbl_no;
    }
    out.optimize_coding = fitted;
    if (progressive) jpeg_simple_progression(&out);
    jpeg_start_compress(&out, TRUE);
    size_t row = (size_t)in.output_width * in.output_components;
    while (out.next_scanline < out.image_height) {
        JSAMPROW line = pixels + row * out.next_scanline;
        jpeg_write_scanlines(&out, &line, 1);
    }
    jpeg_finish_compress(&out);
    jpeg_destroy_compress(&out);
    jpeg_finish_decompress(&in);
    jpeg_destroy_decompress(&in);
    free(written);
    free(pixels);
    return size;
}
