"""Tiny pipelines of each family, with random weights, built from configurations: no hub, a second each."""

from __future__ import annotations

from typing import Any

import diffusers
import torch
import transformers


def clip_tokenizer() -> Any:
    """Letters as tokens: enough for prompts to differ."""
    letters = [chr(c) for c in range(33, 127)] + ["Ġ"]
    pieces = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{c}</w>" for c in letters)]
    return transformers.CLIPTokenizer(vocab={p: k for k, p in enumerate(pieces)}, merges=[], model_max_length=77)


def clip_text(projection: bool = False, **extra: Any) -> Any:
    torch.manual_seed(0)
    config = transformers.CLIPTextConfig(
        hidden_size=32,
        intermediate_size=37,
        num_attention_heads=4,
        num_hidden_layers=2,
        vocab_size=300,
        projection_dim=32,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
        **extra,
    )
    kind = transformers.CLIPTextModelWithProjection if projection else transformers.CLIPTextModel
    return kind(config).eval()


def vae(channels: int = 4, **extra: Any) -> Any:
    torch.manual_seed(0)
    return diffusers.AutoencoderKL(
        block_out_channels=[8, 16],
        down_block_types=["DownEncoderBlock2D"] * 2,
        up_block_types=["UpDecoderBlock2D"] * 2,
        latent_channels=channels,
        norm_num_groups=4,
        **extra,
    ).eval()


def unet(**extra: Any) -> Any:
    torch.manual_seed(0)
    return diffusers.UNet2DConditionModel(
        block_out_channels=(8, 16),
        norm_num_groups=4,
        layers_per_block=1,
        sample_size=16,
        in_channels=4,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        **extra,
    ).eval()


def euler_scheduler(prediction: str = "epsilon", spacing: str = "linspace") -> Any:
    return diffusers.EulerDiscreteScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type=prediction,
        timestep_spacing=spacing,
        steps_offset=1,
    )


def sd(prediction: str = "epsilon", spacing: str = "linspace") -> Any:
    return diffusers.StableDiffusionPipeline(
        vae=vae(),
        text_encoder=clip_text(),
        tokenizer=clip_tokenizer(),
        unet=unet(cross_attention_dim=32, attention_head_dim=2),
        scheduler=euler_scheduler(prediction, spacing),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def sdxl() -> Any:
    return diffusers.StableDiffusionXLPipeline(
        vae=vae(),
        text_encoder=clip_text(),
        text_encoder_2=clip_text(projection=True),
        tokenizer=clip_tokenizer(),
        tokenizer_2=clip_tokenizer(),
        unet=unet(
            attention_head_dim=(2, 4),
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            transformer_layers_per_block=(1, 2),
            projection_class_embeddings_input_dim=6 * 8 + 32,
            cross_attention_dim=64,
        ),
        scheduler=euler_scheduler(),
        add_watermarker=False,
    )


def t5_tokenizer() -> Any:
    letters = [("▁", -2.0), *((chr(c), -3.0) for c in range(33, 127))]
    vocab = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -9.0), *letters]
    return transformers.T5Tokenizer(vocab=vocab, extra_ids=0, model_max_length=64)


def t5_encoder() -> Any:
    torch.manual_seed(0)
    config = transformers.T5Config(d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4, vocab_size=120)
    return transformers.T5EncoderModel(config).eval()


def flux(dev: bool, layers: int = 1) -> Any:
    torch.manual_seed(0)
    transformer = diffusers.FluxTransformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=layers,
        num_single_layers=layers,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        pooled_projection_dim=32,
        axes_dims_rope=[4, 4, 8],
        guidance_embeds=dev,
    )
    pipe = diffusers.FluxPipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0 if dev else 1.0, use_dynamic_shifting=dev),
        text_encoder=clip_text(),
        text_encoder_2=t5_encoder(),
        tokenizer=clip_tokenizer(),
        tokenizer_2=t5_tokenizer(),
        transformer=transformer.eval(),
        vae=vae(4, shift_factor=0.06, use_quant_conv=False, use_post_quant_conv=False),
    )
    pipe.default_sample_size = 16
    return pipe


def pixart() -> Any:
    torch.manual_seed(0)
    transformer = diffusers.PixArtTransformer2DModel(
        sample_size=16,
        num_layers=2,
        patch_size=2,
        attention_head_dim=8,
        num_attention_heads=3,
        caption_channels=32,
        in_channels=4,
        cross_attention_dim=24,
        out_channels=8,
        norm_type="ada_norm_single",
        use_additional_conditions=False,
        norm_elementwise_affine=False,
        norm_eps=1e-6,
    )
    return diffusers.PixArtSigmaPipeline(
        tokenizer=t5_tokenizer(),
        text_encoder=t5_encoder(),
        vae=vae(),
        transformer=transformer.eval(),
        scheduler=diffusers.EulerDiscreteScheduler(
            beta_start=0.0001, beta_end=0.02, beta_schedule="linear", timestep_spacing="linspace", steps_offset=1
        ),
    )


def sana(sprint: bool = False) -> Any:
    torch.manual_seed(0)
    transformer = diffusers.SanaTransformer2DModel(
        patch_size=1,
        in_channels=4,
        out_channels=4,
        num_layers=1,
        num_attention_heads=2,
        attention_head_dim=4,
        num_cross_attention_heads=2,
        cross_attention_head_dim=4,
        cross_attention_dim=8,
        caption_channels=8,
        sample_size=16,
        guidance_embeds=sprint,
    )
    autoencoder = diffusers.AutoencoderDC(
        in_channels=3,
        latent_channels=4,
        attention_head_dim=2,
        encoder_block_types=("ResBlock", "EfficientViTBlock"),
        decoder_block_types=("ResBlock", "EfficientViTBlock"),
        encoder_block_out_channels=(8, 8),
        decoder_block_out_channels=(8, 8),
        encoder_qkv_multiscales=((), (5,)),
        decoder_qkv_multiscales=((), (5,)),
        encoder_layers_per_block=(1, 1),
        decoder_layers_per_block=[1, 1],
        downsample_block_type="conv",
        upsample_block_type="interpolate",
        decoder_norm_types="rms_norm",
        decoder_act_fns="silu",
        scaling_factor=0.41407,
    )
    text = transformers.Gemma2Config(
        head_dim=16,
        hidden_size=8,
        intermediate_size=64,
        num_attention_heads=2,
        num_hidden_layers=1,
        num_key_value_heads=2,
        vocab_size=300,
    )
    pipe = diffusers.SanaSprintPipeline if sprint else diffusers.SanaPipeline
    return pipe(
        tokenizer=clip_tokenizer(),
        text_encoder=transformers.Gemma2Model(text).eval(),
        vae=autoencoder.eval(),
        transformer=transformer.eval(),
        scheduler=diffusers.SCMScheduler() if sprint else diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
    )


def lcm() -> Any:
    """A family without an adapter of ours that is cheap to build."""
    return diffusers.LatentConsistencyModelPipeline(
        vae=vae(),
        text_encoder=clip_text(),
        tokenizer=clip_tokenizer(),
        unet=unet(cross_attention_dim=32, attention_head_dim=2, time_cond_proj_dim=32),
        scheduler=diffusers.LCMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def prior() -> Any:
    """unCLIP's transformer from a text's features to a picture's, and its scheduler."""
    torch.manual_seed(0)
    network = diffusers.PriorTransformer(num_attention_heads=2, attention_head_dim=12, embedding_dim=32, num_layers=1)
    torch.nn.init.ones_(network.clip_std)
    scheduler = diffusers.UnCLIPScheduler(
        variance_type="fixed_small_log", prediction_type="sample", num_train_timesteps=1000, clip_sample_range=5.0
    )
    return network.eval(), scheduler


def unet_of_unclip(**extra: Any) -> Any:
    torch.manual_seed(0)
    return diffusers.UNet2DConditionModel(
        down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        block_out_channels=(32, 64),
        layers_per_block=1,
        attention_head_dim=4,
        resnet_time_scale_shift="scale_shift",
        **extra,
    ).eval()


def karlo() -> Any:
    """The open DALL-E 2."""
    from diffusers.pipelines.deprecated.unclip import UnCLIPTextProjModel

    network, scheduler = prior()
    torch.manual_seed(0)
    enlarge = [
        diffusers.UNet2DModel(
            sample_size=64,
            layers_per_block=1,
            down_block_types=("ResnetDownsampleBlock2D",) * 2,
            up_block_types=("ResnetUpsampleBlock2D",) * 2,
            block_out_channels=(32, 64),
            in_channels=6,
            out_channels=3,
        ).eval()
        for _ in range(2)
    ]
    return diffusers.UnCLIPPipeline(
        prior=network,
        decoder=unet_of_unclip(
            sample_size=32, in_channels=3, out_channels=6, cross_attention_dim=100, class_embed_type="identity"
        ),
        text_proj=UnCLIPTextProjModel(clip_embeddings_dim=32, time_embed_dim=128, cross_attention_dim=100).eval(),
        tokenizer=clip_tokenizer(),
        text_encoder=clip_text(projection=True),
        super_res_first=enlarge[0],
        super_res_last=enlarge[1],
        prior_scheduler=scheduler,
        decoder_scheduler=diffusers.UnCLIPScheduler(variance_type="learned_range", prediction_type="epsilon"),
        super_res_scheduler=diffusers.UnCLIPScheduler(variance_type="fixed_small_log", prediction_type="epsilon"),
    )


def kandinsky() -> Any:
    """Kandinsky 2.2, prior and decoder in one."""
    network, scheduler = prior()
    torch.manual_seed(0)
    movq = diffusers.VQModel(
        block_out_channels=[32, 64],
        down_block_types=["DownEncoderBlock2D", "AttnDownEncoderBlock2D"],
        up_block_types=["AttnUpDecoderBlock2D", "UpDecoderBlock2D"],
        latent_channels=4,
        norm_num_groups=8,
        norm_type="spatial",
        num_vq_embeddings=12,
        vq_embed_dim=4,
    )
    eyes = transformers.CLIPVisionModelWithProjection(
        transformers.CLIPVisionConfig(
            hidden_size=32,
            projection_dim=32,
            intermediate_size=37,
            num_hidden_layers=1,
            num_attention_heads=2,
            image_size=32,
            patch_size=8,
        )
    )
    side = {"height": 32, "width": 32}
    return diffusers.KandinskyV22CombinedPipeline(
        unet=unet_of_unclip(
            sample_size=16,
            in_channels=4,
            out_channels=8,
            addition_embed_type="image",
            encoder_hid_dim=32,
            encoder_hid_dim_type="image_proj",
            cross_attention_dim=32,
        ),
        scheduler=diffusers.DDIMScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="linear", steps_offset=1, clip_sample=False
        ),
        movq=movq.eval(),
        prior_prior=network,
        prior_image_encoder=eyes.eval(),
        prior_text_encoder=clip_text(projection=True),
        prior_tokenizer=clip_tokenizer(),
        prior_scheduler=scheduler,
        prior_image_processor=transformers.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=side),
    )


def zimage() -> Any:
    torch.manual_seed(0)
    transformer = diffusers.ZImageTransformer2DModel(
        in_channels=4,
        dim=32,
        n_layers=2,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        cap_feat_dim=16,
        axes_dims=[8, 4, 4],
        axes_lens=[256, 64, 64],
    )
    with torch.no_grad():  # its padding begins empty, in real memory as it was found
        for parameter in transformer.parameters():
            if not torch.isfinite(parameter).all() or parameter.abs().max() > 1e3:
                parameter.zero_()
        transformer.x_pad_token.zero_()
        transformer.cap_pad_token.zero_()
    return diffusers.ZImagePipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=vae(4, shift_factor=0.06, use_quant_conv=False, use_post_quant_conv=False),
        text_encoder=transformers.Qwen3Model(qwen3(layers=2)).eval(),
        tokenizer=chat_tokenizer(),
        transformer=transformer.eval(),
    )


def qwen3(layers: int) -> Any:
    return transformers.Qwen3Config(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=8,
        vocab_size=300,
    )


def chat_tokenizer() -> Any:
    words = clip_tokenizer()
    words.chat_template = "{% for m in messages %}user:{{ m.content }}{% endfor %}"
    return words


def flux2_parts(dev: bool) -> dict[str, Any]:
    torch.manual_seed(0)
    transformer = diffusers.Flux2Transformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=48,
        timestep_guidance_channels=32,
        axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=dev,
    )
    autoencoder = diffusers.AutoencoderKLFlux2(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        norm_num_groups=4,
    )
    torch.nn.init.uniform_(autoencoder.bn.running_mean, -1, 1)
    torch.nn.init.uniform_(autoencoder.bn.running_var, 0.5, 2)
    return {
        "scheduler": diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        "vae": autoencoder.eval(),
        "transformer": transformer.eval(),
    }


def flux2_klein(distilled: bool) -> Any:
    """The text encoder has as many layers as the pipeline looks into."""
    parts = flux2_parts(dev=False)
    torch.manual_seed(0)
    text_encoder = transformers.Qwen3ForCausalLM(qwen3(layers=27)).eval()
    pipe = diffusers.Flux2KleinPipeline(
        **parts, text_encoder=text_encoder, tokenizer=chat_tokenizer(), is_distilled=distilled
    )
    pipe.default_sample_size = 16
    return pipe


def flux2_dev() -> Any:
    """Its text is read by 24 billion parameters of another family: here each letter is a row of a table."""
    pipe = diffusers.Flux2Pipeline(**flux2_parts(dev=True), text_encoder=None, tokenizer=None)
    pipe.default_sample_size = 16
    table = torch.randn(128, 48, generator=torch.Generator().manual_seed(0))

    def encode_prompt(prompt: Any, **_: Any) -> Any:
        texts = [prompt] if isinstance(prompt, str) else prompt
        states = table[torch.tensor([[ord(letter) for letter in text.ljust(32)] for text in texts])]
        return states, pipe._prepare_text_ids(states)

    pipe.encode_prompt = encode_prompt
    return pipe
